import {
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { BoardText, PanelText } from './boards.ts';

/** Whichever Prometheus the reader chooses. */
const SOURCE = { type: 'prometheus', uid: '$datasource' };
/** Of 24 columns. */
const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 8;

/** A dashboard as Grafana imports it. */
export function build({ file, title, description, rows }: BoardText): Dashboard {
  const board = new DashboardBuilder(title)
    .uid(`holdfast-${file.replace('.json', '')}`)
    .description(description)
    .tags(['holdfast'])
    .editable()
    .timezone('browser')
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  let id = 0;
  for (const [name, panels] of Object.entries(rows)) {
    board.withRow(new RowBuilder(name).id(++id));
    for (const panel of panels) board.withPanel(graph(panel).id(++id));
  }
  return board.build();
}

function graph({ title, description, unit, queries }: PanelText): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .unit(unit)
    .min(0)
    .span(PANEL_WIDTH)
    .height(PANEL_HEIGHT)
    .fillOpacity(10)
    .showPoints(VisibilityMode.Never)
    .legend(new VizLegendOptionsBuilder().showLegend(true))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  queries.forEach(([expression, legend], n) => {
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + n))
        .datasource(SOURCE)
        .expr(expression)
        .legendFormat(legend)
        .range(),
    );
  });
  return panel;
}
