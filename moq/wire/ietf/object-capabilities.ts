/** What a draft can do in data streams and datagrams, and how it writes them. */
export interface ObjectCapabilities {
  /** Varints are those by leading ones: for code that runs for every object. */
  readonly leadingOnes: boolean;
  /** There are padding streams and datagrams. */
  readonly padding: boolean;
  /** SUBGROUP_HEADER and datagrams may leave the priority to the track. */
  readonly defaultPriority: boolean;
  /** SUBGROUP_HEADER says whether its first object is the first one of the subgroup. */
  readonly firstObjectBit: boolean;
  /** Properties have the form that the model keeps: deltas of types, and varints by leading ones. */
  readonly presentProperties: boolean;
  /** The type of a property, or of another key-value pair, is written as the difference from the type before. */
  readonly propertyDeltas: boolean;
  /** An object whose status is not normal may have properties. */
  readonly statusProperties: boolean;
  /** There is a status for an object that does not exist. */
  readonly objectDoesNotExist: boolean;
  /** Objects of a fetch begin with flags, which say what fields there are. There is End of Range. */
  readonly fetchFlags: boolean;
  /** With flags: groups and objects are written as the difference from the object before. */
  readonly fetchDeltas: boolean;
  /** With flags: the first object of a fetch must have a priority. */
  readonly fetchPriority: boolean;
  /** Objects of a fetch without payload have a status. */
  readonly fetchStatus: boolean;
  /** A fetch says which objects it waited for in vain. */
  readonly timedOutRange: boolean;
}

/** Every object of a fetch has all fields. */
export const PLAIN_OBJECTS: ObjectCapabilities = {
  leadingOnes: false,
  padding: false,
  defaultPriority: false,
  firstObjectBit: false,
  presentProperties: false,
  propertyDeltas: false,
  statusProperties: true,
  objectDoesNotExist: true,
  fetchFlags: false,
  fetchDeltas: false,
  fetchPriority: true,
  fetchStatus: true,
  timedOutRange: false,
};

/** Objects of a fetch have flags, and their ids as they are. */
export const FLAGGED_OBJECTS: ObjectCapabilities = {
  ...PLAIN_OBJECTS,
  defaultPriority: true,
  propertyDeltas: true,
  statusProperties: false,
  objectDoesNotExist: false,
  fetchFlags: true,
  // The text has no rule for the fields that the first object must have, and vectors of others leave its priority out.
  fetchPriority: false,
  fetchStatus: false,
};

/** Objects of a fetch have flags and deltas of ids. Varints by leading ones, padding. */
export const DELTA_OBJECTS: ObjectCapabilities = {
  ...FLAGGED_OBJECTS,
  leadingOnes: true,
  padding: true,
  firstObjectBit: true,
  presentProperties: true,
  fetchDeltas: true,
  fetchPriority: true,
};
