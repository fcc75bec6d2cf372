import type { Layout } from './peers/peer.ts';
import type { Cell } from './trial.ts';

/** CPU seconds of starting Node, and of importing a library. */
export interface StartUp {
  readonly node: number;
  readonly keelson: number;
  readonly cdk8sPlus: number;
}

/** Everything that was measured. */
export class Results {
  readonly cells: readonly Cell[];
  readonly startUp: StartUp;

  constructor(cells: readonly Cell[], startUp: StartUp) {
    this.cells = cells;
    this.startUp = startUp;
  }

  /** The numbers of pipelines, in ascending order. */
  get sizes(): number[] {
    return [...new Set(this.cells.map(({ pipelines }) => pipelines))].sort((a, b) => a - b);
  }

  cell(peer: string, layout: Layout, pipelines: number): Cell | undefined {
    return this.cells.find(
      (cell) => cell.peer === peer && cell.layout === layout && cell.pipelines === pipelines,
    );
  }

  cpu(peer: string, layout: Layout, pipelines: number): number | undefined {
    return this.cell(peer, layout, pipelines)?.cpuSeconds;
  }

  /** How many times a peer's CPU seconds Keelson takes. */
  ratio(peer: string, layout: Layout, pipelines: number): number | undefined {
    const own = this.cpu('keelson', layout, pipelines);
    const other = this.cpu(peer, layout, pipelines);
    return own === undefined || other === undefined ? undefined : own / other;
  }

  /** The exponent by which CPU seconds grow between two numbers of pipelines. */
  growth(peer: string, layout: Layout, from: number, to: number): number | undefined {
    const less = this.cpu(peer, layout, from);
    const more = this.cpu(peer, layout, to);
    if (less === undefined || more === undefined) return undefined;
    return Math.log(more / less) / Math.log(to / from);
  }
}
