/** `waiting`: to be sent at nextAt. `sent`: answered with 2xx. `parked`: given up until somebody replays it. */
export const deliveryStates = Object.freeze(['waiting', 'sent', 'parked'] as const)
export type DeliveryState = (typeof deliveryStates)[number]
