"""What the fuzzing of digests starts from: papers of the samples, and digests written for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from index.digests.markdown import read_markdown

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "index" / "samples"

HEAD = "## Daily Papers (2024-07-16)\n\n### [제목](https://arxiv.org/abs/2407.00001)\n"
WRITTEN = (
    HEAD
    + "![](https://a.b/c.png)\n\nVote: 3\n\nAuthors: 김가, Na Da, +\n\n- 첫째 글.\n- 둘째 글.\n",
    HEAD
    + "Vote: -\nAuthors: ['김가', \"나 다\"]\n- **What's New**: 새롭다.\n- **주요 결과:** 낫다.\n",
    HEAD + "[Watch Video](http://a.b)\n- ***What’s New*** : 첫째.\n  1. 둘째.\n  2. 셋째.\n",
    HEAD + "<div><video src='a'></video></div>\n#### 한계\n느리다.\n---\n#### 결과\n\n빠르다.\n",
    HEAD + "- **이름**: ['첫째 \\'글\\'.', \"둘째\\n글.\", '\\u00e9\\ud83d\\ude00']\n",
    HEAD + "- **이름**: {'가': '첫째', 2: ['둘째', ('셋째',)], 'b': b'x', '': f'{1}'} # 끝\n",
    HEAD + "- **이름**: $\textit{x} \nabla \rho \beta$ 와 \\textbf{가}\r\n- 끝.\r\n",
    "\ufeff# 2024.7.16\r### [가](huggingface.co/papers/2407.00001)\r- 글.\r```\r### [나](b)\r```\r",
    HEAD
    + "### 제목만\n- 글.\n### [](https://a.b)\n- 글.\n### [다](https://arxiv.org/abs/2407.00002v3)\n",
)
ROWS = (
    {"id": "2407.00001", "date": "2024-07-16", "sections": [{"name": "새 것", "text": "글이다."}]},
    {"url": "https://arxiv.org/abs/2407.00001v2", "title": "제목 \ud83d", "date": "2024-07-16T00",
     "votes": 3, "authors": ["김가", "나"], "thumbnail": None,
     "sections": [{"text": "['가', '나\\n다']"}, {"name": None, "text": "\t \" \\ \\alpha 😀"}]},
    {"id": "", "votes": -1, "sections": {}},
)  # fmt: skip

WORDS = (
    *("# ", "## ", "### [", "](", "](https://arxiv.org/abs/2407.00001)", "#### ", "2024-07-16"),
    *("- **", "**: ", ":** ", "***", "- ", "* ", "1. ", "Vote: ", "Authors: ", "![](", "---"),
    *("['", "', '", "']", "{'", "': '", "'}", '["', '"]', "('", "',)", "b'", "f'", "'''", "\\'"),
    *("\\n", "\\u00e9", "\\ud83d", "\\ude00", "\\x00", "\\N{", "\\", "\t", "\r\n", "\r", "\f"),
    *('{"id": "', '", "', '"sections": [{"text": "', '"}]}', '"date": "', '"votes": ', "null"),
    *("```", "~~~", "<div>", "<video", "[Watch Video](", "://", "\ufeff", "\u2028", "："),
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    """Inputs of the fuzzer; the first byte of each says how the rest is read."""
    for path in sorted(SAMPLES.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        papers, _ = read_markdown(text, path.name)
        for paper in papers[::3]:
            place = paper.sections[0].source.start
            begin = text.rindex("\n### ", 0, place) + 1
            end = text.find("\n### ", place)
            entry = text[begin:end] if end > 0 else text[begin:]
            yield b"\0" + f"## {paper.date}\n{entry}".encode()
            rows = [{"name": s.name, "text": s.text} for s in paper.sections]
            row = {"id": paper.id, "title": paper.title, "date": "2025-03-03", "sections": rows}
            yield b"\1" + json.dumps(row, ensure_ascii=False).encode()
    yield from (b"\0" + text.encode() for text in WRITTEN)
    yield from (b"\1" + json.dumps(row).encode() for row in ROWS)
