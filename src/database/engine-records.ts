/** The file in its data directory in which an engine tells its socket to other processes. */
export const SHARED_RECORD = 'imaginary-storage.socket';
/** The file of an engine that its own process alone uses; the socket is written down only to be tidied up. */
export const PRIVATE_RECORD = 'imaginary-storage.own-socket';
