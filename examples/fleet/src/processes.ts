/** The processes that work on the fleet's targets. Queries of queries/fleet name them too. */
export const RECONCILE = 'FleetReconcile';
export const PROVISION = 'FleetProvision';
export const RETIRE = 'FleetRetire';
export const INITIALIZE = 'FleetInitialize';
export const RECOVER = 'FleetRecover';
export const INSTALL = 'FleetInstall';
