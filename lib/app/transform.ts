import type { IConstruct } from 'constructs';
import { Notes } from '../kubernetes/notes.ts';
import type { Transform } from './render.ts';

const TRANSFORMS = new Notes<Transform>();

/** Notes the transform of an app, for objects that are none of its constructs. */
export function setTransform(app: IConstruct, transform: Transform): void {
  TRANSFORMS.add(app, transform);
}

/** The transform of the app that a construct is in. */
export function transformOf(construct: IConstruct): Transform | undefined {
  return TRANSFORMS.of(construct.node.root)[0];
}
