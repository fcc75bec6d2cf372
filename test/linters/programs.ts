import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, cachePath } from '../cluster/cache.ts';
import { command } from '../cluster/command.ts';

/** The linters that are run, and the versions of them; the only place where they are pinned. */
const LINTERS = {
  'kube-score': {
    module: 'github.com/zegl/kube-score',
    version: 'v1.20.0',
    package: 'github.com/zegl/kube-score/cmd/kube-score',
    replace: undefined,
  },
  'kube-linter': {
    module: 'golang.stackrox.io/kube-linter',
    version: 'v0.8.3',
    package: 'golang.stackrox.io/kube-linter/cmd/kube-linter',
    // The module's own host only redirects to its repository, which every proxy has.
    replace: 'github.com/stackrox/kube-linter',
  },
} as const;

export type Linter = keyof typeof LINTERS;

/**
 * The path of a linter's binary, built from its Go module on first use: half a minute to two minutes from an
 * empty Go build cache.
 *
 * @throws Missing where there is no Go
 */
export function linterProgram(name: Linter): Promise<string> {
  const { version, package: main } = LINTERS[name];
  return cached(cachePath(name, version, name), async (unfinished) => {
    const workspace = `${unfinished}.module`;
    await mkdir(workspace, { recursive: true });
    try {
      await writeFile(join(workspace, 'go.mod'), goMod(name));
      console.error(`building ${name} ${version} from its Go module`);
      await command('go', ['build', '-mod=mod', '-trimpath', '-ldflags', '-s -w', '-o', unfinished, main], {
        cwd: workspace,
        // The installed toolchain, or an error that names the one needed; never a silent download.
        env: { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOWORK: 'off' },
        howToGet: 'install Go 1.24 or newer (https://go.dev/dl)',
      });
    } finally {
      await rm(workspace, { recursive: true, force: true });
    }
  });
}

function goMod(name: Linter): string {
  const { module, version, replace } = LINTERS[name];
  const lines = ['module tools', 'go 1.24.0', `require ${module} ${version}`];
  if (replace !== undefined) lines.push(`replace ${module} => ${replace} ${version}`);
  return `${lines.join('\n')}\n`;
}
