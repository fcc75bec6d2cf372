/** As whom the gate changes objects. Flux undoes what field managers did whose names start with `kubectl`. */
export const FIELD_MANAGER = 'keelson-gate';
