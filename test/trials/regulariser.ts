import { tf } from "ddp-train";
import Reg from "../../examples/regression.js";
export default class R extends Reg {
  override getModel() {
    const s = {
      kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      ...(process.env.L2 ? { kernelRegularizer: tf.regularizers.l2({ l2: 10 }) } : {}),
    };
    return tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [1], units: 8, activation: "tanh", ...s }),
        tf.layers.dense({ units: 1, ...s }),
      ],
    });
  }
}
