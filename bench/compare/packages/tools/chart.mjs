// Reads a Vega-Lite specification on standard input, writes it drawn as SVG.
import { text } from "node:stream/consumers";
import { parse, View } from "vega";
import { compile } from "vega-lite";

const { spec } = compile(JSON.parse(await text(process.stdin)));
console.log(await new View(parse(spec), { renderer: "none" }).toSVG());
