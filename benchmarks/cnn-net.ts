// The small convolutional net of `bench cnn`, as ours and the composed contestant train it: conv 3x3x16, pool, conv
// 3x3x32, pool, dense 10, with weights that start as torch's do. benchmarks/peers/torch_cnn.py holds the same net.
import * as tf from "@tensorflow/tfjs-layers";

/** A new net for images [batch, 28, 28]; it gives logits [batch, 10]. */
export function smallCnn(seed: number): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.reshape({ inputShape: [28, 28], targetShape: [28, 28, 1] }),
      conv("conv1", 16, 9, seed),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      conv("conv2", 32, 144, seed + 2),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ name: "dense", units: 10, ...uniform(7 * 7 * 32, seed + 4) }),
    ],
  });
}

function conv(name: string, filters: number, fanIn: number, seed: number) {
  const shape = { kernelSize: 3, padding: "same", activation: "relu" } as const;
  return tf.layers.conv2d({ name, filters, ...shape, ...uniform(fanIn, seed) });
}

/** Uniform in ±1/sqrt(fan in). */
function uniform(fanIn: number, seed: number) {
  const limit = 1 / Math.sqrt(fanIn);
  const from = (seed: number) => tf.initializers.randomUniform({ minval: -limit, maxval: limit, seed });
  return { kernelInitializer: from(seed), biasInitializer: from(seed + 1) };
}
