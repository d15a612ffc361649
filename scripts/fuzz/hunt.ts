// A batch of inputs to one target, all decided by a seed; one that fails is made as small as can be.
import fc from "fast-check";
import { judge, type Target, type Verdict } from "./target.js";

/** An input that was neither read nor refused as it should be. */
export interface Found {
  readonly kind: NonNullable<Verdict["kind"]>;
  readonly detail: string;
  readonly input: Uint8Array;
}

export interface Watch {
  /** Told each input before it is read, and afterwards whether it was refused. */
  begin(input: Uint8Array): void;
  settle(refused: boolean): void;
}

/** Tries up to `inputs` inputs, for at most so many milliseconds; null when nothing was found. */
export function hunt(
  target: Target,
  batch: { readonly seed: number; readonly inputs: number; readonly milliseconds?: number },
  watch: Watch,
): Found | null {
  let verdict: Verdict | null = null;
  const property = fc.property(target.inputs, (input) => {
    watch.begin(input);
    const judged = judge(target, input);
    watch.settle(judged.refused);
    if (judged.kind === null) return;
    verdict = judged;
    throw new Error(judged.detail);
  });
  const { counterexample } = fc.check(property, {
    seed: batch.seed | 0,
    numRuns: batch.inputs,
    ...(batch.milliseconds === undefined ? {} : { interruptAfterTimeLimit: Math.max(1, batch.milliseconds) }),
  });
  // The verdict of the last input that failed is that of the smallest.
  const last = verdict as Verdict | null;
  if (last === null || last.kind === null || counterexample === null) return null;
  return { kind: last.kind, detail: last.detail, input: counterexample[0] };
}
