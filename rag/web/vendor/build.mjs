// Bundles what the page uses of others into modules that a browser loads as they are.
// The page's own modules are not compiled. Run by hand after a change of package.json; a test
// runs it too, and compares.
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

for (const [name, contents] of Object.entries(bundles)) {
  await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    outfile: `${out}/${name}.js`,
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "inline",
  });
}
