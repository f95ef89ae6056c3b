// A receiver of Prometheus remote write 1.0 and 2.0, made of Prometheus's own packages: its handler writes into its
// storage, as `prometheus --web.enable-remote-write-receiver --enable-feature=st-storage,metadata-wal-records` has it.
//
//	receiver localhost:9090 FOLDER io.prometheus.write.v2.Request prometheus.WriteRequest
//
// POST /api/v1/write takes the messages that are named.  GET /series?match=SELECTOR shows what is stored of series, to
// the bit; GET /requests how each request was answered since the start.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"math"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	write "github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const century = int64(100 * 365 * 24 * time.Hour / time.Millisecond)

func open(folder string, logger *slog.Logger) (*tsdb.DB, error) {
	options := tsdb.DefaultOptions()
	options.RetentionDuration = century
	options.EnableExemplarStorage, options.MaxExemplars = true, 100_000
	options.EnableMetadataWALRecords = true
	// st-storage; only these encodings have a place for start timestamps
	options.EnableSTStorage, options.EnableHistogramSTEncoding = true, true
	options.FloatChunkEncoding = chunkenc.EncXOR2
	return tsdb.Open(folder, logger, nil, options, nil)
}

// An answered request, as GET /requests shows it.
type answered struct {
	ContentType string            `json:"content_type"`
	Version     string            `json:"version"`
	Attempt     string            `json:"attempt"`
	Status      int               `json:"status"`
	Written     map[string]string `json:"written"`
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = cmp.Or(s.code, code)
	s.ResponseWriter.WriteHeader(code)
}

type book struct {
	http.Handler
	lock     sync.Mutex
	requests []answered
}

func (b *book) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	seen := &status{ResponseWriter: answer}
	b.Handler.ServeHTTP(seen, request)
	written := map[string]string{}
	for _, kind := range []string{"Samples", "Histograms", "Exemplars"} {
		if count := answer.Header().Get("X-Prometheus-Remote-Write-" + kind + "-Written"); count != "" {
			written[kind] = count
		}
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	b.requests = append(b.requests, answered{
		request.Header.Get("Content-Type"), request.Header.Get("X-Prometheus-Remote-Write-Version"),
		request.Header.Get("Retry-Attempt"), cmp.Or(seen.code, http.StatusOK), written,
	})
}

func (b *book) all() []answered {
	b.lock.Lock()
	defer b.lock.Unlock()
	return append([]answered{}, b.requests...)
}

func show(answer http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(answer).Encode(value); err != nil {
		log.Print(err)
	}
}

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	address, folder := os.Args[1], os.Args[2]
	var messages remote.MessageTypes
	for _, name := range os.Args[3:] {
		message := remote.WriteMessageType(name)
		if err := message.Validate(); err != nil {
			log.Fatal(err)
		}
		messages = append(messages, message)
	}
	db, err := open(folder, logger)
	if err != nil {
		log.Fatal(err)
	}
	received := &book{Handler: write.NewWriteHandler(logger, prometheus.NewRegistry(), db, messages, false, true)}
	http.Handle("POST /api/v1/write", received)
	http.HandleFunc("GET /requests", func(answer http.ResponseWriter, _ *http.Request) {
		show(answer, received.all(), nil)
	})
	http.HandleFunc("GET /series", func(answer http.ResponseWriter, request *http.Request) {
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(request.FormValue("match"))
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		found, err := stored(request.Context(), db, folder, matchers)
		show(answer, found, err)
	})
	log.Fatal(http.ListenAndServe(address, nil))
}

// bits are those of a float in hexadecimal: JSON knows no NaN, and a stale marker is one of many.
type bits float64

func (b bits) MarshalJSON() ([]byte, error) {
	return json.Marshal(fmt.Sprintf("%016x", math.Float64bits(float64(b))))
}

func byLabels(a, b *series) int { return labels.Compare(a.Labels, b.Labels) }

func sorted(found map[string]*series) []*series {
	all := make([]*series, 0, len(found))
	for _, each := range found {
		all = append(all, each)
	}
	slices.SortFunc(all, byLabels)
	return all
}
