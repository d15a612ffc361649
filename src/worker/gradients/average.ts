// Where gradients are averaged over all ranks: bucket by bucket, each on its way while the next is read, with what
// ranks must agree on at the end of the same message.
import type { FlatGradients } from "../../core/context.js";
import { UsageError } from "../../core/errors.js";
import type { ProcessGroup, Wire } from "../../core/process-group.js";
import type { Position } from "../../core/protocol.js";
import type { StepAgreement } from "./agreement.js";
import { reduceBuckets } from "./buckets.js";
import type { Gradients } from "./compute.js";

export interface AverageOptions {
  readonly group: ProcessGroup;
  readonly agreement: StepAgreement;
  /** What gradients are while they travel. */
  readonly wire: Wire;
  /** Where the run is, and the samples of the batch where they are known. */
  readonly place: () => [Position, Int32Array | undefined];
}

/** The largest finite float32. */
const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/**
 * Averages, in place, the gradients `given`, or else those of the batch, which are read to the host meanwhile.
 * Resolves, alike on all ranks, to null when the batch must be left out.
 * @throws RunError naming ranks and batch when it is bad and the run is to stop at that.
 */
export async function averageGradients(
  gradients: Gradients,
  given: FlatGradients | undefined,
  { group, agreement, wire, place }: AverageOptions,
): Promise<FlatGradients | null> {
  const { values, message, buckets } = gradients;
  const own = given === undefined || given.flat === values.flat;
  if (!own) {
    if (given.flat.length !== values.flat.length) {
      throw new UsageError(
        `reduceGradients wants ${values.flat.length} values, one for each trainable weight's element, got ${given.flat.length}`,
      );
    }
    values.flat.set(given.flat);
  }
  // What each rank can tell of its own gradients travels with them. The sum of so many numbers is finite, too.
  const areFine = given ? null : gradients.areWithin(LARGEST_FLOAT / 2 / group.worldSize);
  if (areFine === false) agreement.noteBad("gradient", "not finite", ...place());
  const signals = message.subarray(values.flat.length);
  agreement.write(signals);
  await reduceBuckets(buckets, given ? undefined : (bucket) => gradients.read(bucket), ({ start, end }) =>
    group.allReduce(message.subarray(start, end), "mean", wire),
  );
  gradients.dispose();
  // fp16 ends far below float32.
  const mustLook = areFine === null || wire === "fp16";
  const isKept = await agreement.settle(signals, mustLook ? values.flat : null, wire);
  if (!isKept) return null;
  if (own) return values;
  given.flat.set(values.flat);
  return given;
}
