// Prints the names of scripts of which one folder's and another's say something else, comments aside.
import fs from "node:fs";
import path from "node:path";
import ts from "typescript";

const [ours, sent] = process.argv.slice(2);
const printer = ts.createPrinter({ removeComments: true });

function print(file) {
  const text = fs.readFileSync(file, "utf8");
  return printer.printFile(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
}

for (const name of fs.readdirSync(sent)) {
  const before = print(path.join(ours, name));
  if (!before || before !== print(path.join(sent, name))) console.log(name);
}
