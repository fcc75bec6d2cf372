// Debian's docker-registry, certificates of a private authority, and images pushed by skopeo.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The programs that a real registry is tried with, where this machine lacks them. */
export function missingPrograms(): string[] {
  return ['docker-registry', 'skopeo', 'openssl', 'htpasswd'].filter((program) => {
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

/** The account of the registry that asks for one. */
export const ACCOUNT = { username: 'robot', password: 'canary-password' } as const;

/** A directory of its own, with the certificate of a private authority and an account. */
export class Workplace {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'keelson-registry-'));

  constructor() {
    const openssl = (...args: string[]): void => {
      execFileSync('openssl', args, { cwd: this.directory, stdio: 'ignore' });
    };
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-subj',
      '/CN=private',
    );
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'tls.key',
      '-out',
      'tls.csr',
      '-subj',
      '/CN=registry',
    );
    writeFileSync(join(this.directory, 'san'), 'subjectAltName=IP:127.0.0.1,DNS:localhost');
    openssl(
      'x509',
      '-req',
      '-in',
      'tls.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      'san',
      '-out',
      'tls.crt',
    );
    const users = execFileSync('htpasswd', ['-Bbn', ACCOUNT.username, ACCOUNT.password]);
    writeFileSync(join(this.directory, 'users'), users);
    mkdirSync(join(this.directory, 'cas'));
    writeFileSync(join(this.directory, 'cas', 'ca.crt'), this.certificateAuthority);
  }

  get certificateAuthority(): string {
    return readFileSync(join(this.directory, 'ca.crt'), 'utf8');
  }

  /** Pushes an OCI layout with a tag, with all that its index has. */
  async push(layout: string, reference: string, secure: boolean): Promise<void> {
    const tls = secure ? [`--dest-cert-dir=${join(this.directory, 'cas')}`] : ['--dest-tls-verify=false'];
    const account = secure ? [`--dest-creds=${ACCOUNT.username}:${ACCOUNT.password}`] : [];
    await run('skopeo', [
      'copy',
      '--all',
      '--quiet',
      ...tls,
      ...account,
      `oci:${layout}`,
      `docker://${reference}`,
    ]);
  }

  /** The digest of a tag, as skopeo sees it. */
  async inspected(reference: string): Promise<string> {
    const { stdout } = await run('skopeo', [
      'inspect',
      `--cert-dir=${join(this.directory, 'cas')}`,
      `--creds=${ACCOUNT.username}:${ACCOUNT.password}`,
      '--format={{.Digest}}',
      `docker://${reference}`,
    ]);
    return stdout.trim();
  }

  /** An OCI layout of an image with labels; with an attestation in front, it is an index. */
  layout(name: string, labels: Readonly<Record<string, string>>, attested = false): string {
    const directory = join(this.directory, name);
    mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
    const blob = (content: unknown, mediaType: string): Descriptor => {
      const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
      const hash = createHash('sha256').update(bytes).digest('hex');
      writeFileSync(join(directory, 'blobs/sha256', hash), bytes);
      return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
    };
    const manifest = (os: string, labelled: Readonly<Record<string, string>>): Descriptor => {
      const config = blob(
        {
          architecture: os === 'unknown' ? os : 'amd64',
          os,
          config: { Labels: labelled },
          rootfs: { type: 'layers', diff_ids: [] },
        },
        'application/vnd.oci.image.config.v1+json',
      );
      return blob({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] }, MANIFEST);
    };
    let top = manifest('linux', labels);
    if (attested) {
      const attestation = {
        ...manifest('unknown', { wrong: 'yes' }),
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
      };
      const platform = { os: 'linux', architecture: 'amd64' };
      top = blob(
        { schemaVersion: 2, mediaType: INDEX, manifests: [attestation, { ...top, platform }] },
        INDEX,
      );
    }
    writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [top] }));
    return directory;
  }

  /** Starts a registry; it answers when the promise is fulfilled. */
  async start(secure: boolean, port?: number): Promise<RunningRegistry> {
    const chosen = port ?? (await freePort());
    const store = join(this.directory, secure ? 'secure' : 'plain');
    const file = `${store}.yml`;
    const tls = { certificate: join(this.directory, 'tls.crt'), key: join(this.directory, 'tls.key') };
    const http = { addr: `127.0.0.1:${chosen}`, secret: 'x', ...(secure && { tls }) };
    const auth = secure && { auth: { htpasswd: { realm: 'registry', path: join(this.directory, 'users') } } };
    writeFileSync(
      file,
      JSON.stringify({
        version: 0.1,
        log: { level: 'error' },
        storage: { filesystem: { rootdirectory: store } },
        http,
        ...auth,
      }),
    );
    const process = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
    const ended = new Promise<void>((resolve) => process.once('exit', () => resolve()));
    await answering(chosen);
    return {
      host: `127.0.0.1:${chosen}`,
      port: chosen,
      stop: async () => {
        process.kill('SIGKILL');
        await ended;
      },
    };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A registry that runs. */
export interface RunningRegistry {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<unknown>((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answering(port: number): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1000) });
      return;
    } catch (error) {
      // A registry that speaks TLS answers plain http with 400 or closes; either way it is there.
      if ((error as { cause?: { code?: string } }).cause?.code !== 'ECONNREFUSED') return;
      if (Date.now() > end) throw new Error('docker-registry does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
