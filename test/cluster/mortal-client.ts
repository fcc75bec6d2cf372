import { KubeConfig } from '@kubernetes/client-node';
import { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { type ApiRequest, Connection } from '../../apps/agent/kubernetes/connection.ts';

/** A client of a program that dies: from then on nothing reaches the API server any more. */
export class MortalClient extends Kubernetes {
  /** How many writes it has sent. */
  writes = 0;
  isDead = false;
  readonly #diesAt: (write: ApiRequest, number: number) => boolean;

  /** @param diesAt asked before each write, with its number from 1 */
  constructor(kubeconfig: string, diesAt: (write: ApiRequest, number: number) => boolean) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    super(new Connection(config));
    this.#diesAt = diesAt;
  }

  override async request<Body>(request: ApiRequest): Promise<Body> {
    // Events change nothing that anybody goes by.
    if (request.method !== 'GET' && !request.path.endsWith('/events')) {
      this.isDead ||= this.#diesAt(request, this.writes + 1);
      if (!this.isDead) this.writes++;
    }
    if (this.isDead) throw new Error('killed');
    return super.request(request);
  }
}
