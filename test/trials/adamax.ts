import { tf } from "ddp-train";
import Reg from "../../examples/regression.js";
export default class R extends Reg {
  override getOptimizer() {
    return tf.train.adamax(0.01) as never;
  }
}
