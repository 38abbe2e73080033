// Parses AsyncAPI documents, and says all that the parser has to say of each.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

const parser = new Parser();
let found = 0;
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(await readFile(file, 'utf8'));
  for (const d of diagnostics) {
    found++;
    console.error(`${file}: ${d.code} at ${d.path.join('.')}: ${d.message}`);
  }
  if (!document || document.channels().length === 0 || document.operations().length === 0) {
    found++;
    console.error(`${file}: no channels or no operations`);
  }
}
process.exit(found > 0 ? 1 : 0);
