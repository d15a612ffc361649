// What a process group asks of an all-reduce. The ways there are give the same bits: chunk c of an array of W is added
// up from rank c on, round all ranks, whichever way the parts travel.
import type { ReduceOp, Wire } from "../../core/process-group.js";
import type { Collective } from "../transport/collective.js";

export interface AllReduce {
  /** Leaves the sum or the mean over all ranks in `data`, with the same bits on every rank. */
  reduce(collective: Collective, data: Float32Array, op: ReduceOp, wire: Wire): Promise<void>;
}
