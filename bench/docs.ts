import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));

/** Puts the results of a command of package.json into docs/performance.md, in the place of its last ones. */
export function writeDocs(command: 'bench' | 'bench:agent' | 'bench:pulumi', results: string): void {
  const [begin, end] = [
    `<!-- results of npm run ${command} -- --docs -->`,
    `<!-- end of results of ${command} -->`,
  ];
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE}: has no place for results; put back ${begin} ${end}`);
  writeFileSync(PAGE, `${page.slice(0, from + begin.length)}\n\n${results}\n\n${page.slice(to)}`);
}
