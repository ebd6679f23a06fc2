// What the service replies, as docs/api.md has it, and what the page keeps of it.

export type Span = [start: number, end: number];

export interface Source {
  file: string;
  start: number;
  end: number;
}

export interface Passage {
  id: string;
  section: string;
  text: string;
  score: number;
  highlights: Span[];
  source: Source;
}

export interface Paper {
  id: string;
  title: string;
  url: string;
  date: string | null;
  dates: string[];
  votes: number | null;
  authors: string[];
  more_authors: boolean;
  flags: string[];
}

export interface Hit extends Paper {
  score: number;
  passages: Passage[];
}

export interface Because {
  passage: string | null;
  like: string | null;
  terms: string[];
  authors: string[];
  passage_text: string | null;
  like_paper: string | null;
  like_text: string | null;
  names: { korean: string | null; english: string }[];
}

export interface SimilarHit extends Hit {
  because: Because;
}

export interface Citation {
  number: number;
  paper: string;
  passage: string;
  quote: string;
  start: number;
  end: number;
  source: Source;
}

export interface Answer {
  kind: "extractive" | "generated" | "none";
  text: string;
  citations: Citation[];
  unsupported: number;
  fallback: string | null;
}

export interface Found {
  papers: Hit[];
  legs: Record<string, string>;
  index_version: string;
  took_ms: number;
  answerable: boolean;
  confidence: number;
}

export interface Asked extends Found {
  answer: Answer;
}

export interface Said {
  text: string;
  citations: Citation[];
}

export interface Finding {
  flag: string;
  evidence: string;
  section: string;
  start: number;
  end: number;
}

export interface WholePaper extends Paper {
  sections: { name: string; text: string; source: Source }[];
  findings: Finding[];
  index_version: string;
}

export interface Version {
  version: string;
  live: boolean;
  number: number;
  built: string | null;
  papers: number;
  passages: number;
  changes: { added: number; changed: number; removed: number } | null;
  bytes: number;
  encoder: string;
  forced: string[];
}

export interface Served {
  index_version: string;
  versions: Version[];
  sections: string[];
  since: string | null;
  until: string | null;
  generates: boolean;
}

export interface Build {
  id: string;
  state: string;
  started: string;
  finished: string | null;
  stage: string | null;
  progress: { done: number; total: number; rate: number | null; left_s: number | null } | null;
  index_version: string | null;
  error: string | null;
}

export interface BuildReport extends Build {
  problems: { file: string; line: number | null; reason: string }[];
  report: Record<string, any> | null;
}

/** What a request ended with, instead of a reply. */
export interface Trouble {
  kind: "offline" | "key" | "busy" | "missing" | "refused" | "failed";
  detail: string;
  status: number;
}

/** Something that is asked of the service: under way, there, or not to be had. */
export interface Loaded<T> {
  key: string;
  value: T | null;
  trouble: Trouble | null;
  busy: boolean;
}

/** All that the address says. */
export interface Place {
  q: string;
  view: "papers" | "map" | "timeline" | "index";
  paper: string;
  cite: string;
  since: string;
  until: string;
  votes: string;
  section: string;
  n: string;
}

/** Every paper's place on the map, a column a fact; topics are numbered as they are listed. */
export interface Chart {
  index_version: string;
  total: number;
  papers: {
    ids: string[];
    titles: string[];
    dates: (string | null)[];
    votes: (number | null)[];
    x: number[];
    y: number[];
    topics: number[];
  };
  topics: { level: number; parent: number | null; x: number; y: number; korean: string; english: string; papers: number }[];
}

export interface SimilarReply {
  papers: SimilarHit[];
  legs: Record<string, string>;
}

/** What is shown of the index. */
export interface Overview {
  index: Served;
  builds: Build[];
  last: BuildReport | null;
}

/** All that the page knows. */
export interface State {
  place: Place;
  draft: string;
  asked: Loaded<Partial<Asked> & { said?: Said[] }>;
  nearest: Loaded<{ papers: Hit[] }>;
  paper: Loaded<WholePaper>;
  similar: Loaded<SimilarReply>;
  chart: Loaded<Chart>;
  served: Loaded<Served>;
  overview: Loaded<Overview>;
  wide: boolean;
  copied: { kind: string; text: string; failed: boolean } | null;
  colour: "topic" | "month";
  /** Go to a place, from this one. */
  go: (change: Partial<Place>, how?: { replace?: boolean }) => void;
  leave: () => void;
  /** The address of a place, from this one. */
  to: (change: Partial<Place>) => string;
  retry: () => void;
  enter: (key: string) => void;
  redraw: () => void;
}
