import {
  createNoopMeter,
  type MeterProvider,
  metrics,
  ProxyTracerProvider,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { createInstruments, type Instruments } from './instruments.ts';

const SCOPE = 'holdfast';

let tracerProvider: TracerProvider | undefined;
let tracer: Tracer | undefined;
let meterProvider: MeterProvider | undefined;
let instruments: Instruments | undefined;

/** The tracer of the provider that is registered now, or undefined when none is. Costs two comparisons. */
export function activeTracer(): Tracer | undefined {
  const registered = trace.getTracerProvider();
  // Without a provider the API gives its proxy, whose delegate does nothing.
  const proxy = registered instanceof ProxyTracerProvider ? registered : undefined;
  const provider = proxy ? proxy.getDelegate() : registered;
  if (provider !== tracerProvider) {
    tracerProvider = provider;
    tracer = proxy ? proxy.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
  }
  return tracer;
}

/** The instruments of the meter provider that is registered now, or undefined when none is. */
export function activeInstruments(): Instruments | undefined {
  const provider = metrics.getMeterProvider();
  if (provider !== meterProvider) {
    meterProvider = provider;
    const meter = provider.getMeter(SCOPE);
    instruments = meter === createNoopMeter() ? undefined : createInstruments(meter);
  }
  return instruments;
}
