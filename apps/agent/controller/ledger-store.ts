import { LEDGER_CONFIG_MAP } from '../../../lib/agent/configuration.ts';
import { AGENT_API_VERSION } from '../../../lib/agent/version.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { EMPTY_LEDGER, type Ledger } from './ledger.ts';

const KEY = 'ledger.json';
const MAX_TRIES = 20;

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Known {
  readonly version: string | undefined;
  readonly ledger: Ledger;
}

/** The ledger of a pipeline, in a ConfigMap of its namespace. */
export class LedgerStore {
  readonly #client: Kubernetes;
  readonly #namespace: string;
  #known: Known | undefined;

  constructor(client: Kubernetes, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** The ledger as it was last read or written. */
  async read(): Promise<Ledger> {
    return (await this.#current()).ledger;
  }

  /**
   * Changes the ledger as it is in the cluster. Where another controller has changed it since it was read, the change is
   * made anew of that; so of two only one has its way. A change that is none is not written.
   */
  async change(update: (ledger: Ledger) => Ledger): Promise<Ledger> {
    for (let tries = 1; ; tries++) {
      const { version, ledger } = await this.#current();
      const changed = update(ledger);
      if (changed === ledger) return ledger;
      try {
        const patch = {
          metadata: { resourceVersion: version },
          data: { [KEY]: `${JSON.stringify(changed)}\n` },
        };
        const { metadata } = await this.#client.patch(this.#reference(), patch);
        this.#known = { version: metadata.resourceVersion, ledger: changed };
        return changed;
      } catch (error) {
        // After no answer nobody knows whether it was written.
        this.#known = undefined;
        if (!hasStatus(error, 409) || tries === MAX_TRIES) throw error;
      }
    }
  }

  async #current(): Promise<Known> {
    this.#known ??= await this.#load();
    return this.#known;
  }

  async #load(): Promise<Known> {
    const found = await this.#client.get<ConfigMap>(this.#reference());
    if (found === undefined) {
      throw new Error(
        `the ConfigMap ${LEDGER_CONFIG_MAP} is missing in ${this.#namespace}: apply the manifests of the pipeline again`,
      );
    }
    const text = found.data?.[KEY];
    return {
      version: found.metadata.resourceVersion,
      ledger: text === undefined ? EMPTY_LEDGER : parseLedger(text, this.#namespace),
    };
  }

  #reference(): { apiVersion: string; kind: string; namespace: string; name: string } {
    return { apiVersion: 'v1', kind: 'ConfigMap', namespace: this.#namespace, name: LEDGER_CONFIG_MAP };
  }
}

/** A ledger that can't be read must not be taken for an empty one: every head would be built again. */
function parseLedger(text: string, namespace: string): Ledger {
  try {
    const ledger = JSON.parse(text) as Ledger;
    if (ledger.apiVersion === AGENT_API_VERSION && Array.isArray(ledger.builds)) return ledger;
  } catch {
    // Said below.
  }
  throw new Error(
    `the key ${KEY} of the ConfigMap ${LEDGER_CONFIG_MAP} in ${namespace} is no ledger: remove the key to start anew`,
  );
}
