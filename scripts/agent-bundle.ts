/** Puts the agent and all that it imports into one file, dist/apps/agent/keelson-agent.js: `npm run build:agent`. */
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where the bundle is. */
export const AGENT_BUNDLE: string = root('dist/apps/agent/keelson-agent.js');

/** Writes the bundle. It is not minified: a stack trace then names what is in the source. */
export async function bundleAgent(file: string = AGENT_BUNDLE): Promise<void> {
  await build({
    entryPoints: [root('apps/agent/main.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    tsconfigRaw: {},
    banner: {
      // Packages that are CommonJS require modules of Node.
      js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
    },
  });
  // The image runs it as another user than the one who built it, whatever that one's umask.
  await chmod(file, 0o644);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleAgent();
