import { index, modelOptions, prop, Severity } from '@typegoose/typegoose';
import type { Types } from 'mongoose';

/** The one kind of job in the queue: to process the content that the job names. */
export const PROCESS = 'process';

/**
 * A job of the queue, as its library keeps it; one for each content at most. It is there while there is something to do:
 * what became of a content the blob says.
 */
@index({ name: 1, 'data.blob': 1 }, { unique: true, name: 'one_per_content' })
@index({ name: 1, nextRunAt: 1, priority: -1, lockedAt: 1, disabled: 1 }, { name: 'next_job' })
@modelOptions({
  schemaOptions: { collection: 'jobs', versionKey: false },
  options: { allowMixed: Severity.ALLOW },
})
export class ContentJob {
  _id!: Types.ObjectId;

  @prop({ type: () => String, required: true })
  name!: string;

  /** The content’s id, in hex. */
  @prop({ type: () => Object, required: true })
  data!: { blob: string };

  /** When it is to run; null while it runs. */
  @prop({ type: () => Date })
  nextRunAt?: Date | null;

  /** Since when a node has it; null while none has. */
  @prop({ type: () => Date })
  lockedAt?: Date | null;

  @prop({ type: () => Number })
  priority?: number;

  @prop({ type: () => Boolean })
  disabled?: boolean | null;
}
