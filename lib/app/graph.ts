import type { IConstruct } from 'constructs';
import { Notes } from '../kubernetes/notes.ts';

/** A stage as it appears in the pipeline's graph. */
export interface StageNode {
  /** The first line. */
  readonly title: string;
  /**
   * A second line, such as an image or an address.
   * @default - nothing
   */
  readonly detail?: string;
  /**
   * The stages from which this one takes something, and what.
   * @default - none
   */
  readonly inputs?: readonly { readonly from: IConstruct; readonly label?: string }[];
}

const STAGES = new Notes<StageNode>();

/** Puts a construct into the graph of stages. */
export function declareStage(construct: IConstruct, stage: StageNode): void {
  STAGES.add(construct, stage);
}

/** The graph of all stages below a construct, as a Mermaid flow chart (https://mermaid.js.org/syntax/flowchart.html). */
export function stageGraph(constructs: readonly IConstruct[]): string {
  const stages = new Map<IConstruct, StageNode>();
  for (const construct of constructs) {
    const [stage] = STAGES.of(construct);
    if (stage !== undefined) stages.set(construct, stage);
  }
  const ids = new Map([...stages.keys()].map((construct, index) => [construct, `s${index}`]));
  const lines = ['flowchart LR'];
  for (const [construct, { title, detail }] of stages) {
    const text = detail === undefined ? entities(title) : `${entities(title)}<br/>${entities(detail)}`;
    lines.push(`  ${ids.get(construct)}["${text}"]`);
  }
  for (const [construct, { inputs = [] }] of stages) {
    for (const { from, label } of inputs) {
      const source = ids.get(from);
      if (source === undefined) continue;
      const arrow = label === undefined ? '-->' : `-->|"${entities(label)}"|`;
      lines.push(`  ${source} ${arrow} ${ids.get(construct)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid reads entities in quoted text, so that any text can stand there. */
function entities(text: string): string {
  return text.replace(/[^A-Za-z0-9 ._/:@,=+-]/gu, (char) => `#${char.codePointAt(0)};`);
}
