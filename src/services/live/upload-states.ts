import { AppError, type ErrorCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { isDuplicateKey, type ObjectId } from '../../models/object-id.ts';
import { UploadPhase } from '../../models/upload-state.ts';
import type { LiveBus } from './live-bus.ts';

/** An upload that its client named. */
export interface UploadName {
  readonly userId: ObjectId;
  readonly clientUploadId: string;
  readonly file: ObjectId;
}

/** Told how an upload comes along; nothing of it ever fails. */
export interface UploadNotes {
  /** More bytes have come. */
  received(bytes: number): void;
  /** All bytes have come, and a scanner has yet to say what they are. */
  scanning(): void;
  /** It is a file of so many bytes. */
  stored(bytes: number): Promise<void>;
  /** It failed; whether by the client’s own doing the signal tells. */
  failed(error: unknown, signal: AbortSignal): Promise<void>;
}

interface Standing {
  readonly phase: UploadPhase;
  readonly receivedBytes: number;
  readonly totalBytes?: number | undefined;
  readonly errorCode?: ErrorCode;
}

/** What this service ends an upload with, when it ends it from outside. */
const OURS: readonly ErrorCode[] = ['UNAUTHENTICATED', 'STORAGE_UNAVAILABLE'];
const KEPT_MS = 24 * 60 * 60 * 1000;
const TELL_EVERY_MS = 250;

/** Notes how named uploads come along, for their clients to ask and hear of. */
export class UploadStates {
  private readonly states: Collections['uploadStates'];
  private readonly bus: LiveBus;
  private readonly onProblem: (error: unknown) => void;

  /** `onProblem` hears of what could not be noted; no upload fails by that. */
  constructor(states: Collections['uploadStates'], bus: LiveBus, onProblem: (error: unknown) => void) {
    this.states = states;
    this.bus = bus;
    this.onProblem = onProblem;
  }

  /** What notes an upload that is about to begin; null for one without a name. */
  of(
    upload: Omit<UploadName, 'clientUploadId'>,
    clientUploadId: string | null | undefined,
  ): NotedUpload | null {
    return clientUploadId ? new NotedUpload({ ...upload, clientUploadId }, this) : null;
  }

  /** Writes where it stands, and tells; what is not given is not so. Only one that begins takes the place of another. */
  async write(name: UploadName, stands: Standing, begins = false): Promise<void> {
    const { userId, clientUploadId, file } = name;
    const { phase, receivedBytes, totalBytes, errorCode } = stands;
    const update = {
      $set: {
        ...{ file, phase, receivedBytes, expiresAt: new Date(Date.now() + KEPT_MS) },
        ...(totalBytes !== undefined && { totalBytes }),
        ...(errorCode !== undefined && { errorCode }),
      },
      $unset: {
        ...(begins && totalBytes === undefined && { totalBytes: '' }),
        ...(errorCode === undefined && { errorCode: '' }),
      },
    };
    const which = { userId, clientUploadId, ...(!begins && { file }) };
    const write = () => this.states.updateOne(which, update as never, { upsert: begins });
    // Two that begin at once both find nothing to replace.
    const again = (error: unknown) => (isDuplicateKey(error) ? write() : Promise.reject(error));
    await write().catch(again).catch(this.onProblem);
    this.tell(name);
  }

  /** Tells whoever listens that something is new, or how many bytes have come where nothing else is. */
  tell({ userId, clientUploadId, file }: UploadName, receivedBytes?: number): void {
    this.bus.publish({
      type: 'upload',
      user: userId.toHexString(),
      clientUploadId,
      file: file.toHexString(),
      ...(receivedBytes !== undefined && { receivedBytes }),
    });
  }
}

/** One named upload while its bytes come in; bytes are told at most four times a second. */
export class NotedUpload implements UploadNotes {
  private readonly name: UploadName;
  private readonly states: UploadStates;
  private bytes = 0;
  private told = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(name: UploadName, states: UploadStates) {
    this.name = name;
    this.states = states;
  }

  /** Begins, or begins anew, without a byte; resolves once that is written. */
  begin(totalBytes?: number): Promise<void> {
    this.bytes = 0;
    return this.write({ phase: UploadPhase.RECEIVING, receivedBytes: 0, totalBytes }, true);
  }

  received(bytes: number): void {
    this.bytes += bytes;
    const now = performance.now();
    if (now - this.told < TELL_EVERY_MS) return;
    this.told = now;
    this.states.tell(this.name, this.bytes);
  }

  scanning(): void {
    void this.write({ phase: UploadPhase.SCANNING, receivedBytes: this.bytes });
  }

  stored(bytes: number): Promise<void> {
    return this.write({ phase: UploadPhase.STORED, receivedBytes: bytes, totalBytes: bytes });
  }

  failed(error: unknown, signal: AbortSignal): Promise<void> {
    // Who ends an upload otherwise says so by a code of its own.
    if (signal.aborted && !(error instanceof AppError && OURS.includes(error.code))) return this.cancelled();
    const errorCode = error instanceof AppError ? error.code : 'INTERNAL_SERVER_ERROR';
    return this.write({ phase: UploadPhase.FAILED, receivedBytes: this.bytes, errorCode });
  }

  /** Its client has given it up. */
  cancelled(): Promise<void> {
    return this.write({ phase: UploadPhase.CANCELLED, receivedBytes: this.bytes });
  }

  /** Notes of one try, of which only some failures are the upload’s end: after all others it waits for its bytes again. */
  aTry(isFinal: (error: unknown) => boolean, totalBytes: number): UploadNotes {
    return {
      received: (bytes) => this.received(bytes),
      scanning: () => this.scanning(),
      stored: (bytes) => this.stored(bytes),
      failed: (error, signal) => (isFinal(error) ? this.failed(error, signal) : this.begin(totalBytes)),
    };
  }

  /** Each change is written after the one before. */
  private write(stands: Standing, begins = false): Promise<void> {
    this.writing = this.writing.then(() => this.states.write(this.name, stands, begins));
    return this.writing;
  }
}
