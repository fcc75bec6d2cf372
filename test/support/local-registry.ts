import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../cluster/control-plane.ts';
import { unpacked } from '../cluster/packages.ts';
import { Processes } from '../cluster/processes.ts';

/** A registry at this machine. */
export interface LocalRegistry {
  /** Host and port, for plain http. */
  readonly host: string;
  close(): Promise<void>;
}

/** Starts Debian's docker-registry with an empty store. */
export async function startLocalRegistry(): Promise<LocalRegistry> {
  const program = join(await unpacked(['docker-registry']), 'usr/bin/docker-registry');
  const directory = await mkdtemp(join(tmpdir(), 'keelson-local-registry-'));
  const processes = new Processes(join(directory, 'logs'));
  const host = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const config = join(directory, 'registry.json');
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'warn', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, 'store') }, delete: { enabled: true } },
      http: { addr: host },
    }),
  );
  processes.start('registry', program, ['serve', config]);
  await processes.until('registry', async () => (await fetch(`http://${host}/v2/`)).ok);
  return {
    host,
    close: async () => {
      await processes.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
