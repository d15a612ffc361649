import { tf } from "ddp-train";
import Reg from "../../examples/regression.js";
export default class R extends Reg {
  override getModel() {
    return tf.sequential({
      layers: [
        tf.sequential({
          layers: [tf.layers.dense({ inputShape: [1], units: 8, activation: "tanh" })],
        }) as never,
        tf.layers.dense({ units: 1 }),
      ],
    });
  }
}
