import fc from 'fast-check';
import { Signer } from '../../dist/auth/signatures.js';
import { parseId } from '../../dist/models/object-id.js';
import { FileCursors } from '../../dist/services/files/file-cursors.js';
import { SignedCursors } from '../../dist/services/signed-cursors.js';
import { nearly, refusedWith } from '../mutations.mjs';

const order = fc.record({
  field: fc.constantFrom('createdAt', 'updatedAt', 'sortName', 'fileSize', 'downloadCount'),
  direction: fc.constantFrom(1, -1),
});
const _id = fc
  .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 24, maxLength: 24 })
  .map(parseId);
const file = fc.record({
  _id,
  createdAt: fc.date({ noInvalidDate: true }),
  updatedAt: fc.date({ noInvalidDate: true }),
  sortName: fc.string({ unit: 'grapheme' }),
  fileSize: fc.maxSafeNat(),
  downloadCount: fc.nat(),
});
const signer = new Signer(['a secret of the fuzzer'], 'cursors');
const ofFiles = new FileCursors(signer);
const ofLists = new SignedCursors(signer);
const same = (a, b) => (a instanceof Date ? a.getTime() === b.getTime() : a === b);

/** Cursors of lists. */
export const cursors = () => ({
  'is read as it was made, for its own order only': fc.property(order, order, file, (made, asked, each) => {
    const cursor = ofFiles.encode(made, each);
    const isSame = made.field === asked.field && made.direction === asked.direction;
    if (!isSame) return refusedWith(['BAD_USER_INPUT'], () => ofFiles.decode(asked, cursor, 'after'));
    const { value, id } = ofFiles.decode(asked, cursor, 'after');
    return id.equals(each._id) && same(value, each[made.field]);
  }),
  'that is changed is BAD_USER_INPUT': fc.property(
    order.chain((made) =>
      file.chain((each) => fc.tuple(fc.constant(made), nearly(ofFiles.encode(made, each)))),
    ),
    ([made, cursor]) => refusedWith(['BAD_USER_INPUT'], () => ofFiles.decode(made, cursor, 'before')),
  ),
  'of another kind of list is BAD_USER_INPUT': fc.property(
    order,
    file,
    fc.array(fc.string()),
    (made, each, place) => {
      const [one, other] = [ofFiles.encode(made, each), ofLists.encode('users', place)];
      return (
        refusedWith(['BAD_USER_INPUT'], () => ofLists.decode('users', one)) &&
        refusedWith(['BAD_USER_INPUT'], () => ofFiles.decode(made, other, 'after')) &&
        refusedWith(['BAD_USER_INPUT'], () => ofLists.decode('auditEvents', other))
      );
    },
  ),
  'of administrators that is changed is BAD_USER_INPUT': fc.property(
    fc.array(fc.string()).chain((place) => nearly(ofLists.encode('users', place))),
    (cursor) => refusedWith(['BAD_USER_INPUT'], () => ofLists.decode('users', cursor)),
  ),
});
