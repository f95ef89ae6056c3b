package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"path/filepath"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// What is stored of a series.  Times are in milliseconds.
type series struct {
	Labels    labels.Labels `json:"labels"`
	Metadata  *about        `json:"metadata"`
	Samples   []sample      `json:"samples"`
	Exemplars []exemplar    `json:"exemplars"`
}

type about struct {
	Type string `json:"type"`
	Unit string `json:"unit"`
	Help string `json:"help"`
}

// One has a value or a histogram.
type sample struct {
	Time      int64   `json:"time"`
	Start     int64   `json:"start"`
	Value     *bits   `json:"value"`
	Histogram *native `json:"histogram"`
}

type native struct {
	Schema        int32            `json:"schema"`
	Count         uint64           `json:"count"`
	Sum           bits             `json:"sum"`
	ZeroThreshold bits             `json:"zero_threshold"`
	ZeroCount     uint64           `json:"zero_count"`
	Positive      map[int32]uint64 `json:"positive"`
	Negative      map[int32]uint64 `json:"negative"`
	Bounds        []bits           `json:"bounds"`
}

type exemplar struct {
	Labels labels.Labels `json:"labels"`
	Value  bits          `json:"value"`
	Time   int64         `json:"time"`
}

func stored(ctx context.Context, db *tsdb.DB, folder string, matchers []*labels.Matcher) ([]*series, error) {
	found, err := samples(ctx, db, matchers)
	if err != nil {
		return nil, err
	}
	if err := exemplars(ctx, db, matchers, found); err != nil {
		return nil, err
	}
	return sorted(found), metadata(folder, found)
}

func samples(ctx context.Context, db *tsdb.DB, matchers []*labels.Matcher) (map[string]*series, error) {
	querier, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	defer querier.Close()
	found := map[string]*series{}
	set := querier.Select(ctx, false, nil, matchers...)
	var iterator chunkenc.Iterator
	for set.Next() {
		each := &series{Labels: set.At().Labels(), Samples: []sample{}, Exemplars: []exemplar{}}
		iterator = set.At().Iterator(iterator)
		for kind := iterator.Next(); kind != chunkenc.ValNone; kind = iterator.Next() {
			each.Samples = append(each.Samples, at(iterator, kind))
		}
		if err := iterator.Err(); err != nil {
			return nil, err
		}
		found[each.Labels.String()] = each
	}
	return found, set.Err()
}

func at(iterator chunkenc.Iterator, kind chunkenc.ValueType) sample {
	one := sample{Time: iterator.AtT(), Start: iterator.AtST()}
	if kind == chunkenc.ValFloat {
		_, value := iterator.At()
		one.Value = (*bits)(&value)
		return one
	}
	_, whole := iterator.AtHistogram(nil)
	one.Histogram = &native{
		whole.Schema, whole.Count, bits(whole.Sum), bits(whole.ZeroThreshold), whole.ZeroCount,
		counts(whole.PositiveBucketIterator()), counts(whole.NegativeBucketIterator()), []bits{},
	}
	for _, bound := range whole.CustomValues {
		one.Histogram.Bounds = append(one.Histogram.Bounds, bits(bound))
	}
	return one
}

func counts(buckets histogram.BucketIterator[uint64]) map[int32]uint64 {
	all := map[int32]uint64{}
	for buckets.Next() {
		all[buckets.At().Index] = buckets.At().Count
	}
	return all
}

func exemplars(ctx context.Context, db *tsdb.DB, matchers []*labels.Matcher, found map[string]*series) error {
	querier, err := db.ExemplarQuerier(ctx)
	if err != nil {
		return err
	}
	results, err := querier.Select(math.MinInt64, math.MaxInt64, matchers)
	for _, result := range results {
		if each := found[result.SeriesLabels.String()]; each != nil {
			for _, one := range result.Exemplars {
				each.Exemplars = append(each.Exemplars, exemplar{one.Labels, bits(one.Value), one.Ts})
			}
		}
	}
	return err
}

// metadata is taken from the log that is written ahead, the only place where it is stored.
func metadata(folder string, found map[string]*series) error {
	segments, err := wlog.NewSegmentsReader(filepath.Join(folder, "wal"))
	if err != nil {
		return err
	}
	defer segments.Close()
	reader := wlog.NewReader(segments)
	decoder := record.NewDecoder(labels.NewSymbolTable(), slog.New(slog.DiscardHandler))
	names := map[chunks.HeadSeriesRef]string{}
	for reader.Next() {
		switch decoder.Type(reader.Record()) {
		case record.Series:
			all, err := decoder.Series(reader.Record(), nil)
			if err != nil {
				return err
			}
			for _, each := range all {
				names[each.Ref] = each.Labels.String()
			}
		case record.Metadata:
			all, err := decoder.Metadata(reader.Record(), nil)
			if err != nil {
				return err
			}
			for _, each := range all {
				if series := found[names[each.Ref]]; series != nil {
					series.Metadata = &about{string(record.ToMetricType(each.Type)), each.Unit, each.Help}
				}
			}
		}
	}
	if err := reader.Err(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
