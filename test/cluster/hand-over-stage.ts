import type { ControllerContext } from '../../apps/agent/controller/context.ts';
import { advanceHandOver, type HandOverState } from '../../apps/agent/controller/hand-over/hand-over.ts';
import type { HandOverOptions } from '../../apps/agent/controller/hand-over/options.ts';
import type { ApiRequest } from '../../apps/agent/kubernetes/connection.ts';
import { HandOverPipeline, type HandOverPipelineOptions } from './hand-over-pipeline.ts';
import { PlayedGate, randomDigest, startPod } from './hand-over-world.ts';
import { MortalClient } from './mortal-client.ts';
import { testApi } from './provided.ts';

/** A pipeline that hands over, and the controller's part in that, called by the test. */
export class HandOverStage {
  readonly pipeline: HandOverPipeline;
  context: ControllerContext;
  options: HandOverOptions;

  private constructor(pipeline: HandOverPipeline, context: ControllerContext, options: HandOverOptions) {
    this.pipeline = pipeline;
    this.context = context;
    this.options = options;
  }

  static async apply(given: HandOverPipelineOptions = {}): Promise<HandOverStage> {
    const pipeline = await HandOverPipeline.apply(testApi().kubeconfig, given);
    const { context, options } = await pipeline.parts();
    return new HandOverStage(pipeline, context, options);
  }

  /** Another controller leads, which reads what there is. */
  async renew(): Promise<void> {
    ({ context: this.context, options: this.options } = await this.pipeline.parts());
  }

  advance(): Promise<HandOverState> {
    return advanceHandOver(this.context, this.options);
  }

  /** Takes the hand-over as far as to a write: before that the controller dies, and another one leads. */
  async advanceUntil(diesAt: (write: ApiRequest, number: number) => boolean): Promise<MortalClient> {
    const client = new MortalClient(this.pipeline.account, diesAt);
    const { context } = this;
    this.context = { ...context, client };
    const error = await this.advance().catch((refused: unknown) => refused);
    if (client.isDead !== error instanceof Error) throw error;
    await this.renew();
    return client;
  }

  /** A pod of another image starts, and its gate asks for the next listener. */
  async ask(namespace: string, commit?: string): Promise<PlayedGate> {
    const gate = new PlayedGate(this.pipeline, await startPod(this.pipeline, namespace, randomDigest()));
    await gate.ask(commit);
    return gate;
  }

  /** The whole of a hand-over and of the build after it. */
  async handOver(namespace: string): Promise<string> {
    const gate = await this.ask(namespace);
    await this.advance();
    const to = await gate.begin();
    await gate.end();
    await this.advance();
    return to;
  }

  /** The namespaces that Keel watches. */
  async listening(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const namespace of [this.pipeline.home, ...(await this.pipeline.listeners())]) {
      const annotations = await this.pipeline.annotations(namespace).catch(() => undefined);
      const policy = annotations?.['keel.sh/policy'] ?? 'never';
      if (policy !== 'never') found.push(namespace);
    }
    return found;
  }

  remove(): Promise<void> {
    return this.pipeline.remove();
  }
}
