import { prop } from '@typegoose/typegoose';

/** That processing of a content was given up, and why. */
export class ProcessingFailure {
  @prop({ type: () => Date, required: true })
  at!: Date;

  /** What its files tell of it. */
  @prop({ type: () => String, required: true })
  told!: string;

  /** The same for who operates the service, which may name what only they may know. */
  @prop({ type: () => String, required: true })
  reason!: string;
}
