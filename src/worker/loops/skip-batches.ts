// Going on within a loader's pass: the batches that were done before are made and thrown away, where the loader has no
// shorter way.
import type { Batch, Batches } from "../../core/loader.js";
import { tf } from "../../engine/tf.js";

/** The batches after the first `count`; what those drew at random is forgotten. */
export async function* skipBatches(
  batches: Batches,
  count: number,
  forgetDraws: () => void,
): AsyncGenerator<Batch> {
  const iterator =
    Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  for (let left = count; left > 0; left--) {
    const { done, value } = await iterator.next();
    if (done) return;
    tf.dispose(Object.values((await value) as Batch));
  }
  forgetDraws();
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) return;
    yield await value;
  }
}
