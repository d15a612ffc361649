// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), as torch.optim.AdamW steps.
import { UsageError } from "../core/errors.js";
import { tf } from "./tf.js";

export interface AdamWOptions {
  /** Share of the learning rate by which a weight shrinks at each step. Default 0.01, as torch's. */
  readonly weightDecay?: number;
  /** Decay rates of the moments. Defaults 0.9 and 0.999. */
  readonly beta1?: number;
  readonly beta2?: number;
  /** Default 1e-8, as torch's. */
  readonly epsilon?: number;
}

export class AdamWOptimizer extends tf.AdamOptimizer {
  static override get className(): string {
    return "AdamW";
  }
  weightDecay: number;

  /** @throws UsageError when a number is none that makes sense. */
  constructor(learningRate: number, options: AdamWOptions = {}) {
    const { weightDecay = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
    if (!(weightDecay >= 0)) throw new UsageError(`adamW: weightDecay must be 0 or more, got ${weightDecay}`);
    if (!(learningRate >= 0))
      throw new UsageError(`adamW: the learning rate must be 0 or more, got ${learningRate}`);
    super(learningRate, beta1, beta2, epsilon);
    this.weightDecay = weightDecay;
  }

  override applyGradients(gradients: Parameters<tf.AdamOptimizer["applyGradients"]>[0]): void {
    const names = Array.isArray(gradients) ? gradients.map(({ name }) => name) : Object.keys(gradients);
    const keep = 1 - this.learningRate * this.weightDecay;
    const { registeredVariables } = tf.engine();
    for (const name of names) {
      const weight = registeredVariables[name];
      tf.tidy(() => weight.assign(tf.mul(weight, keep)));
    }
    super.applyGradients(gradients);
  }

  override getConfig() {
    return { ...super.getConfig(), weightDecay: this.weightDecay };
  }
}

/** Adam whose weight decay is not part of the gradient: `w -= rate * (decay * w + moment / (sqrt(moment2) + epsilon))`. */
export function adamW(learningRate: number, options: AdamWOptions = {}): AdamWOptimizer {
  return new AdamWOptimizer(learningRate, options);
}
