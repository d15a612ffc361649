// A recipe as a user writes one, in a file of its own: a line is fitted within a second. In TypeScript with types and
// an import of a second TypeScript file, or in plain JavaScript.

/** What the TypeScript recipe imports: the content of `size.ts` beside it. */
export const SIZE = "export const size: number = 64;\n";

/** The recipe's source; its one stage has two epochs, and a metric `mse` that gets better. */
export function lineRecipe(language: "ts" | "js"): string {
  const typed = language === "ts";
  const as = (type: string) => (typed ? ` as ${type}` : "");
  const is = (type: string) => (typed ? `: ${type}` : "");
  return `import {
  ${typed ? "type Batch,\n  type Dataset,\n  " : ""}CriterionCallback,
  DataLoader,
  DistributedSampler,
  OptimizerCallback,
  Recipe,
  tf,
} from "ddp-train";
${typed ? 'import { size } from "./size.js";' : "const size = 64;"}

const dataset${is("Dataset")} = {
  length: size,
  collate: (indices${is("Int32Array")}) => {
    const x = tf.tensor2d(Array.from(indices, (i) => [i / size, 1]));
    return [x, tf.mul(x.slice([0, 0], [-1, 1]), 3)];
  },
};

export default class Line extends Recipe${typed ? "<tf.Sequential>" : ""} {
  ${typed ? "readonly " : ""}stages = ["only"];

  getStageLen() {
    return 2;
  }
  getLoaders() {
    const { batchSize, rank, worldSize } = this.config;
    const sampler = new DistributedSampler(dataset, { rank, numReplicas: worldSize });
    return { train: new DataLoader(dataset, { batchSize, sampler }) };
  }
  getModel() {
    const line = tf.layers.dense({ name: "line", units: 1, inputShape: [2], kernelInitializer: "zeros" });
    return tf.sequential({ layers: [line] });
  }
  getCriterion() {
    return (y${is("tf.Tensor")}, t${is("tf.Tensor")}) => tf.losses.meanSquaredError(t, y)${as("tf.Scalar")};
  }
  getOptimizer() {
    return tf.train.sgd(0.3);
  }
  getCallbacks() {
    return {
      criterion: new CriterionCallback({ metricKey: "mse", inputKey: "y", targetKey: "t" }),
      optimizer: new OptimizerCallback({ metricKey: "mse" }),
    };
  }
  handleBatch(batch${is("Batch")}) {
    const [x, t] = batch${as("readonly tf.Tensor[]")};
    this.batch = { t, y: this.model.apply(x)${as("tf.Tensor")} };
  }
}
`;
}
