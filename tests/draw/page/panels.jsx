// The visualizations that Grafana publishes as components: stats, bar gauges, tables, graphs, texts.

import * as data from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useLayoutEffect } from 'react';

import { annotate, shownIn } from './annotations.js';
import { interpolate } from './variables.js';

/** Whether there is nothing to show. */
export const isEmpty = (series) => series.every((frame) => frame.length === 0);

/** What Grafana shows in place of a graph or table without data. */
export function NoData({ loaded, board }) {
  const style = {
    width: '100%', height: '100%', display: 'flex', alignItems: 'center', justifyContent: 'center', textAlign: 'center',
    color: board.theme.colors.text.secondary,
  };
  return <div style={style}>{loaded.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

function displayed({ panel, loaded, board }, sparkline) {
  return () => data.getFieldDisplayValues({
    data: loaded.series,
    fieldConfig: loaded.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => interpolate(text, board.context, 'text'),
    theme: board.theme,
    timeZone: 'utc',
    sparkline,
  });
}

export function Stat(properties) {
  const { panel, loaded, board, width, height } = properties;
  const { colorMode, graphMode, justifyMode, orientation, text, textMode, wideLayout } = panel.options;
  return (
    <VizRepeater
      getValues={displayed(properties, graphMode !== 'none')}
      getAlignmentFactors={data.getDisplayValueAlignmentFactors}
      source={loaded}
      renderCounter={0}
      autoGrid
      itemSpacing={3}
      orientation={orientation}
      width={width}
      height={height}
      renderValue={({ value, alignmentFactors, width, height, count }) => (
        <BigValue
          value={value.display}
          sparkline={value.sparkline}
          count={count}
          alignmentFactors={alignmentFactors}
          theme={board.theme}
          width={width}
          height={height}
          colorMode={colorMode}
          graphMode={graphMode}
          justifyMode={justifyMode}
          textMode={textMode}
          text={text}
          disableWideLayout={!wideLayout}
        />
      )}
    />
  );
}

export function Bars(properties) {
  const { panel, loaded, board, width, height } = properties;
  const { displayMode, maxVizHeight, minVizHeight, minVizWidth, namePlacement, orientation, showUnfilled, text, valueMode } = panel.options;
  return (
    <VizRepeater
      getValues={displayed(properties, false)}
      getAlignmentFactors={data.getDisplayValueAlignmentFactors}
      source={loaded}
      renderCounter={0}
      itemSpacing={8}
      minVizWidth={minVizWidth ?? 8}
      minVizHeight={minVizHeight ?? 16}
      maxVizHeight={maxVizHeight ?? 300}
      orientation={orientation}
      width={width}
      height={height}
      renderValue={({ value, alignmentFactors, orientation, width, height }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          alignmentFactors={alignmentFactors}
          theme={board.theme}
          width={width}
          height={height}
          orientation={orientation}
          displayMode={displayMode}
          valueDisplayMode={valueMode}
          namePlacement={namePlacement}
          showUnfilled={showUnfilled}
          text={text}
          itemSpacing={8}
          lcdCellWidth={12}
        />
      )}
    />
  );
}

export function Table({ panel, loaded, board, width, height }) {
  if (loaded.series.every((frame) => frame.fields.length === 0)) return <NoData loaded={loaded} board={board} />;
  data.cacheFieldDisplayNames(loaded.series);
  const { cellHeight, maxRowHeight, showHeader, sortBy } = panel.options;
  return (
    <TableNG
      data={loaded.series[panel.options.frameIndex ?? 0]}
      fieldConfig={loaded.fieldConfig}
      timeRange={board.timeRange}
      structureRev={1}
      width={width}
      height={height}
      noHeader={showHeader === false}
      showTypeIcons={false}
      resizable
      enableVirtualization={false} // columns and rows that aren't seen are checked too
      enablePagination={panel.options.enablePagination}
      initialSortBy={sortBy}
      cellHeight={cellHeight}
      maxRowHeight={maxRowHeight}
    />
  );
}

const isNumber = (field) => field.type === data.FieldType.number;

export function Graph({ panel, loaded, board, width, height }) {
  if (isEmpty(loaded.series)) return <NoData loaded={loaded} board={board} />;
  const frames = loaded.series.map((frame, index) => ({ ...frame, fields: frame.fields.map((field) => plotted(field, index, board)) }));
  return (
    <TimeSeries
      frames={frames}
      timeRange={board.timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
      options={panel.options}
    >
      {(config) => <Annotations config={config} regions={shownIn(panel, board.annotations)} />}
    </TimeSeries>
  );
}

/** A field as Grafana plots it: gaps where the value is no number, colours by the order of series. */
function plotted(field, seriesIndex, board) {
  const values = isNumber(field) ? field.values.map((value) => (Number.isFinite(value) ? value : null)) : field.values;
  const own = { ...field, values, state: { ...field.state, seriesIndex } };
  own.display = data.getDisplayProcessor({ field: own, theme: board.theme, timeZone: 'utc' });
  return own;
}

function Annotations({ config, regions }) {
  useLayoutEffect(() => config.addHook('draw', (plot) => annotate(plot, regions)), [config]);
  return null;
}

export function Text({ panel, board }) {
  const content = interpolate(panel.options.content ?? '', board.context, 'text');
  const html = panel.options.mode === 'html' ? content : data.renderTextPanelMarkdown(content);
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}
