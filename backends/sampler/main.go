// An application with OpenTelemetry's SDK and its Jaeger remote sampler: for each line "OPERATION COUNT" it starts so
// many traces and prints how many of them are sampled.
//
//	sampler http http://localhost:5778/sampling SERVICE
//	sampler grpc localhost:14250 SERVICE
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const refresh = 50 * time.Millisecond

// overGRPC asks with Jaeger's own stubs; the sampler itself knows HTTP only.
type overGRPC struct{ client api_v2.SamplingManagerClient }

func (f overGRPC) Fetch(service string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	strategy, err := f.client.GetSamplingStrategy(ctx, &api_v2.SamplingStrategyParameters{ServiceName: service})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = (&jsonpb.Marshaler{}).Marshal(&text, strategy)
	return text.Bytes(), err
}

func source(protocol, address string) jaegerremote.Option {
	if protocol == "http" {
		return jaegerremote.WithSamplingServerURL(address)
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	return jaegerremote.WithSamplingStrategyFetcher(overGRPC{api_v2.NewSamplingManagerClient(connection)})
}

func main() {
	sampler := jaegerremote.New(os.Args[3], source(os.Args[1], os.Args[2]),
		jaegerremote.WithSamplingRefreshInterval(refresh), jaegerremote.WithInitialSampler(trace.NeverSample()))
	defer sampler.Close()
	tracer := trace.NewTracerProvider(trace.WithSampler(sampler)).Tracer("test")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var operation string
		var count, sampled int
		if _, err := fmt.Sscan(lines.Text(), &operation, &count); err != nil {
			log.Fatal(err)
		}
		for range count {
			_, span := tracer.Start(context.Background(), operation)
			if span.SpanContext().IsSampled() {
				sampled++
			}
			span.End()
		}
		fmt.Println(sampled)
	}
}
