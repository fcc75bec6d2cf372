import { isIP } from 'node:net';
import { ImageName } from '../image/image-name.ts';
import { certificateProblems, certificatesIn } from '../kubernetes/certificates.ts';
import { cidrProblems } from '../kubernetes/cidr.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import type { Destination } from '../kubernetes/network.ts';
import { hidden, type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import { SecretSource } from '../kubernetes/secret-source.ts';
import { hostedNodeFiles } from './hosted-node-files.ts';
import { type ImageOptions, ImageTarget, type NodeFile, type Registry } from './registry.ts';

/** The accounts of a {@link HostedRegistry}. */
export interface RegistryCredentials {
  /**
   * A Docker configuration with the account that pushes: the key `.dockerconfigjson` of a Secret of the type
   * `kubernetes.io/dockerconfigjson`, in the namespace of the pipeline. No container that runs code of the
   * repository gets it.
   * @default - none: the registry is only pulled from, or asks for no account
   */
  readonly pushCredential?: SecretSource;
  /**
   * Docker configurations with accounts that pull, of the same kind. Kubelets pull watched images with them,
   * and Keel looks for new ones with them, so give accounts that can do no more.
   * @default - none: the images are public
   */
  readonly pullCredentials?: readonly SecretSource[];
}

/** What {@link HostedRegistry.at} is told. */
export interface HostedRegistryProps extends RegistryCredentials {
  /**
   * The certificates, as PEM text, of the private authority that signed the registry's. They are public, and
   * stand in the manifests and in the files for nodes.
   * @default - a public authority signed it
   */
  readonly certificateAuthority?: string;
  /**
   * Whether the registry speaks plain http. Whoever is on the way can then read its accounts.
   * @default false
   */
  readonly insecure?: boolean;
  /**
   * Where the registry is, as CIDRs, if that is a private network: network policies allow the internet, of
   * which private addresses are no part.
   * @default - the host, where it is an address; else the internet
   */
  readonly addresses?: readonly string[];
}

/** What is particular about one host. */
interface Host {
  readonly push: string;
  readonly image: string;
  /** Whether it takes images from known accounts only. */
  readonly needsAccount: boolean;
  /** What its repositories have to look like. */
  readonly repository?: { readonly pattern: RegExp; readonly remedy: string };
}

const QUAY: Host = {
  push: 'quay.io',
  image: 'quay.io',
  needsAccount: true,
  repository: { pattern: /\//, remedy: 'give the organization or user too, such as team/build' },
};
const DOCKER_HUB: Host = {
  push: 'index.docker.io',
  image: 'docker.io',
  needsAccount: true,
  repository: {
    pattern: /^(?!library\/)[^/]+\/[^/]+$/,
    remedy: 'give your account or organization and one name, such as team/build; library/ is Docker’s own',
  },
};
const GITHUB: Host = {
  push: 'ghcr.io',
  image: 'ghcr.io',
  needsAccount: true,
  repository: { pattern: /\//, remedy: 'give the owner too, in lower case, such as team/build' },
};

/**
 * A registry that somebody else runs, or that runs outside of the cluster: quay.io, Docker Hub, ghcr.io, or
 * any other that speaks the protocol of the OCI distribution specification. Nothing is deployed for it.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 * @example
 * const quay = HostedRegistry.quay({
 *   pushCredential: SecretSource.existing('quay-push', '.dockerconfigjson'),
 *   pullCredentials: [SecretSource.existing('quay-pull', '.dockerconfigjson')],
 * });
 * new MakisuBuilder(pipeline, 'image', { target: quay.image('team/build', { tag: Tag.branch() }) });
 */
export class HostedRegistry implements Registry {
  /** quay.io. A robot account with write permission on one repository is enough to push there. */
  static quay(credentials: RegistryCredentials = {}): HostedRegistry {
    return new HostedRegistry(QUAY, credentials);
  }

  /** Docker Hub: `docker.io` in images, `index.docker.io` where something talks to it. */
  static dockerHub(credentials: RegistryCredentials = {}): HostedRegistry {
    return new HostedRegistry(DOCKER_HUB, credentials);
  }

  /** ghcr.io, the container registry of GitHub Packages. */
  static gitHub(credentials: RegistryCredentials = {}): HostedRegistry {
    return new HostedRegistry(GITHUB, credentials);
  }

  /**
   * Any other registry.
   *
   * @param host its host, with the port where that is not the protocol's own: `registry.example.com:5000`
   */
  static at(host: string, props: HostedRegistryProps = {}): HostedRegistry {
    const name = typeof host === 'string' ? host : '';
    return new HostedRegistry({ push: name, image: name, needsAccount: false }, props);
  }

  readonly pushHost: string;
  readonly imageHost: string;
  readonly aliases: readonly string[] = [];
  readonly insecure: boolean;
  readonly pushCredential: SecretSource | undefined;
  readonly pullCredentials: readonly SecretSource[];
  readonly certificateAuthority: string | undefined;
  readonly needsAccount: boolean;
  readonly #host: Host;
  readonly #props: HostedRegistryProps;

  private constructor(host: Host, props: HostedRegistryProps | undefined) {
    this.#host = host;
    this.#props = props ?? {};
    this.pushHost = host.push;
    this.imageHost = host.image;
    this.needsAccount = host.needsAccount;
    this.insecure = this.#props.insecure === true;
    this.pushCredential = sources([this.#props.pushCredential])[0];
    this.pullCredentials = sources(this.#props.pullCredentials);
    const { certificateAuthority } = this.#props;
    this.certificateAuthority =
      typeof certificateAuthority === 'string' ? certificatesIn(certificateAuthority) : undefined;
  }

  get destinations(): readonly Destination[] {
    const { addresses = ownAddress(this.imageHost) } = this.#props;
    if (!Array.isArray(addresses) || addresses.length === 0) return [];
    const peers = addresses.map((cidr: string) => ({ ipBlock: { cidr } }));
    const port = whenKnown([this.imageHost, this.insecure] as const, pullPort);
    return [{ peers, ports: [port] }];
  }

  get nodeFiles(): readonly NodeFile[] {
    const { imageHost: host, insecure, certificateAuthority } = this;
    return hostedNodeFiles({ host, insecure, certificateAuthority });
  }

  aliasServices(): [] {
    return [];
  }

  problems(property: string): Problem[] {
    const { certificateAuthority, addresses, insecure } = this.#props;
    const problems = [
      ...problemsWhenKnown(`${property}.host`, this.imageHost, (known) =>
        hostProblems(`${property}.host`, known, this.needsAccount),
      ),
      ...credentialProblems(property, this.#props),
      ...certificateProblems(`${property}.certificateAuthority`, certificateAuthority),
      ...addressProblems(`${property}.addresses`, addresses),
    ];
    if (insecure !== undefined && typeof insecure !== 'boolean') {
      const [message, remedy] = ['is neither true nor false', 'give true for plain http, or leave it out'];
      problems.push({ property: `${property}.insecure`, value: insecure, message, remedy });
    }
    if (this.insecure && certificateAuthority !== undefined) {
      problems.push({
        property: `${property}.certificateAuthority`,
        value: hidden,
        message: 'vouches for nothing where plain http is spoken',
        remedy: 'leave out insecure, or the authority',
      });
    }
    return problems;
  }

  repositoryProblems(property: string, repository: string): Problem[] {
    const rule = this.#host.repository;
    if (rule === undefined || rule.pattern.test(repository)) return [];
    const message = `is not a repository of ${this.imageHost} that can be pushed to`;
    return [{ property, value: repository, message, remedy: rule.remedy }];
  }

  image(repository: string, options: ImageOptions = {}): ImageTarget {
    return new ImageTarget(this, repository, options.tag);
  }
}

function sources(given: unknown): SecretSource[] {
  return Array.isArray(given)
    ? given.filter((source): source is SecretSource => source instanceof SecretSource)
    : [];
}

/** Without its port, and an IPv6 address without its brackets. */
function nameOf(host: string): string {
  return host.replace(/:[0-9]*$/, '').replace(/^\[(.*)\]$/, '$1');
}

function pullPort([host, insecure]: readonly [host: string, insecure: boolean]): number {
  return portOf(host) ?? (insecure ? 80 : 443);
}

function portOf(host: string): number | undefined {
  const port = /[^:]:([0-9]{1,5})$/.exec(host)?.[1];
  return port === undefined ? undefined : Number(port);
}

/**
 * The range of one address: an address outside of private networks is a part of the internet anyway. Of a host that is
 * not known yet there is none: whether there is a rule for it can't wait.
 */
function ownAddress(host: string): string[] {
  const name = nameOf(host);
  const family = isIP(name);
  return family === 0 ? [] : [`${name}/${family === 4 ? 32 : 128}`];
}

function hostProblems(property: string, host: string, known: boolean): Problem[] {
  // What stands before an @ may be an account.
  const value = host.includes('@') ? hidden : host;
  const problem = (message: string, remedy: string): Problem[] => [{ property, value, message, remedy }];
  const example = 'such as registry.example.com:5000';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(host)) {
    return problem('has a scheme', `give the host alone, ${example}; insecure: true says plain http`);
  }
  if (host.includes('/')) {
    return problem('has a path', `give the host alone, ${example}; the path is a part of image(…)`);
  }
  const valid = new ImageName({ registry: host, repository: 'a' }).problems('').length === 0;
  if (!valid) return problem('is not a host', `give a host with an optional port, ${example}`);
  if (/^(localhost|127(\.[0-9]+){3}|::1)$/i.test(nameOf(host))) {
    return problem(
      "is another machine for each node, and for Keel's pod that pod itself",
      'give the name or address by which all of them reach it',
    );
  }
  if (!known && /^(index\.|registry-1\.)?docker\.io$/i.test(host)) {
    return problem('is Docker Hub, which has several names', 'use HostedRegistry.dockerHub(…)');
  }
  // A first part without a dot or colon is a part of a repository on Docker Hub.
  if (!/[.:]/.test(host))
    return problem('is taken for a part of a name on Docker Hub', `give it in full, ${example}`);
  return [];
}

function credentialProblems(
  property: string,
  { pushCredential, pullCredentials }: RegistryCredentials,
): Problem[] {
  const remedy = "give SecretSource.existing(name, '.dockerconfigjson')";
  const problem = (at: string, message: string): Problem[] => [
    { property: `${property}.${at}`, value: hidden, message, remedy },
  ];
  const list: unknown = pullCredentials ?? [];
  return [
    ...(pushCredential === undefined || pushCredential instanceof SecretSource
      ? []
      : problem('pushCredential', 'is no SecretSource')),
    ...(Array.isArray(list)
      ? list.flatMap((source, index) =>
          source instanceof SecretSource ? [] : problem(`pullCredentials[${index}]`, 'is no SecretSource'),
        )
      : problem('pullCredentials', 'is no list')),
  ];
}

function addressProblems(property: string, addresses: readonly string[] | undefined): Problem[] {
  if (addresses === undefined) return [];
  if (Array.isArray(addresses)) return cidrProblems(property, addresses);
  const remedy = "give a list of CIDRs, such as ['10.0.0.5/32']";
  return [{ property, value: addresses, message: 'is no list', remedy }];
}
