import { join } from 'node:path';
import type { SynthesisResult } from 'keelson';

/** What a synthesis wrote, for a person. */
export function summary({ outdir, nodeSetupOutdir, charts }: SynthesisResult): string {
  const lines = charts.flatMap(({ path, objects }) => {
    const kinds = new Map<string, number>();
    for (const { kind } of objects) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const list = [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} ${kind}`)).join(', ');
    return [`${join(outdir, path)}/: ${objects.length} objects`, `  ${list}`];
  });
  lines.push(`${join(outdir, 'graph.mmd')}: the stages as a Mermaid graph`);
  if (nodeSetupOutdir !== undefined) {
    lines.push(`${nodeSetupOutdir}/: files that each node needs once; its README.md says where they go`);
  }
  lines.push(`apply with: kubectl apply --server-side -k ${outdir}`);
  return `${lines.join('\n')}\n`;
}
