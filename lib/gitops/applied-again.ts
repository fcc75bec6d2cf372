import type { IConstruct } from 'constructs';
import { Notes } from '../kubernetes/notes.ts';
import { type Problem, reportWarning } from '../kubernetes/problem.ts';

/** By the root of the tree: the paths of what applies manifests again and again. */
const TOOLS = new Notes<string>();

/** Notes that a construct of a tree has a tool apply its manifests, now and whenever they differ. */
export function applyAgain(tool: IConstruct): void {
  TOOLS.add(tool.node.root, tool.node.path);
}

/** Warns of what does not go with such a tool, where the program has one: be it made before or after. */
export function warnWhereAppliedAgain(stage: IConstruct, problem: Problem): void {
  reportWarning(stage, () => {
    const [tool] = TOOLS.of(stage.node.root);
    return tool === undefined ? undefined : { ...problem, message: `${problem.message} (${tool})` };
  });
}
