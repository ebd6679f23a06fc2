// Bundles what the page uses of others into modules that a browser loads as they are, and their
// licences beside them. The page's own modules are not compiled. Run by hand after a change of
// package.json; a test runs it too, and compares.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = process.argv[2] ?? ".";
const bundles = {
  lit: `
    export { html, svg, nothing, render } from "lit-html";
    export { live } from "lit-html/directives/live.js";
    export { repeat } from "lit-html/directives/repeat.js";
  `,
  d3: `
    export { quadtree } from "d3-quadtree";
    export { select } from "d3-selection";
    export { zoom, zoomIdentity } from "d3-zoom";
  `,
};
const packages = new Set();

for (const [name, contents] of Object.entries(bundles)) {
  const { metafile } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    outfile: `${out}/${name}.js`,
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "inline",
    banner: { js: "/*! Whose this is, and its licences: licences.txt beside this file. */" },
    metafile: true,
  });
  for (const path of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (found) packages.add(found[1]);
  }
}

/** The packages of each text of a licence. */
const licences = new Map();
for (const name of [...packages].sort()) {
  const folder = `${import.meta.dirname}/node_modules/${name}`;
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} has no licence`);
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const text = readFileSync(`${folder}/${file}`, "utf8").trim();
  licences.set(text, [...(licences.get(text) ?? []), `${name} ${version}`]);
}
const parts = [...licences].map(([text, names]) => `${names.join(", ")}\n\n${text}\n`);
writeFileSync(`${out}/licences.txt`, parts.join(`\n${"-".repeat(80)}\n\n`));
