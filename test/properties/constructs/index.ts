// Every public construct, and everything that makes values for one. `coverage.test.ts` compares the lists with
// the library's types: what is new there has to be added here.
import * as gitops from './gitops.ts';
import * as gpu from './gpu.ts';
import * as image from './image.ts';
import * as keel from './keel.ts';
import * as kubernetes from './kubernetes.ts';
import * as pipeline from './pipeline.ts';
import * as platform from './platform.ts';
import type { Factories, Recipes } from './recipe.ts';
import * as services from './services.ts';

export const recipes: Recipes = {
  ...gitops.recipes,
  ...gpu.recipes,
  ...image.recipes,
  ...keel.recipes,
  ...kubernetes.recipes,
  ...pipeline.recipes,
  ...platform.recipes,
  ...services.recipes,
};

export const factories: Factories = {
  ...gitops.factories,
  ...gpu.factories,
  ...image.factories,
  ...keel.factories,
  ...kubernetes.factories,
  ...pipeline.factories,
  ...platform.factories,
};
