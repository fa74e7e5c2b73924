import { test } from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

test("the declarations for JSX bring along every type of ours that they name", async () => {
  const text = await readFile(new URL("matterpass.d.ts", import.meta.url), "utf8");
  const [types, block] = text.split("\n/* JSX");
  const [, imported] = block.match(/\nimport type \{ (.*) \} from "matterpass-widget";\n\ndeclare module "react"/) ?? [, ""];
  const exported = [...types.matchAll(/\nexport (?:class|type|interface) (\w+)/g)].map(([, name]) => name);
  const used = exported.filter((name) => new RegExp(`\\b${name}\\b`).test(block.split("declare module")[1]));
  assert.deepEqual(imported.split(", "), used.sort());
});
