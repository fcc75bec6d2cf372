import type { TestProject } from 'vitest/node';
import { type RecipeName, recipes, type WantedImage } from './images.ts';
import { provideCluster } from './provide-cluster.ts';

const everyRecipe: readonly WantedImage[] = (Object.keys(recipes) as RecipeName[]).map((recipe) => ({
  reference: `harness/${recipe}`,
  recipe,
}));

/** The cluster for all test files, with an image of each recipe. */
export default function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  return provideCluster(project, everyRecipe);
}
