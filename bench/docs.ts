import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tools.ts';

const BEGIN = '<!-- results of npm run bench -- --docs -->\n';
const END = '<!-- end of results -->\n';

/** Puts the results into docs/performance.md, in the place of the last ones. */
export function writeDocs(tables: string, verdicts: string): void {
  const file = join(ROOT, 'docs', 'performance.md');
  const text = readFileSync(file, 'utf8');
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file}: has no place for results; put back ${BEGIN}${END}`);
  const results = `\n${tables}\n\`\`\`\n${verdicts}\`\`\`\n\n`;
  writeFileSync(file, text.slice(0, begin + BEGIN.length) + results + text.slice(end));
}
