// What a chart of numbers by epoch is given.
import type { StageSpan } from "../record/run-report.js";
import type { Look } from "./legend.js";

/** A line. */
export interface Series {
  readonly name: string;
  readonly look: Look;
  /** The value of each epoch, the first at index 0; null where it was not measured. */
  readonly values: readonly (number | null)[];
  /** The epoch to mark, from 1; null for none. */
  readonly best: number | null;
}

/** The chart. */
export interface EpochChart {
  readonly title: string;
  readonly series: readonly Series[];
  /** Stages that all series share; empty where they do not. */
  readonly stages: readonly StageSpan[];
  /** The epoch where a line is drawn from top to bottom; null for none. */
  readonly best: number | null;
  readonly notes?: readonly string[];
}
