// Schema-provider is a provider plugin that has the schema of a cloud's provider and nothing behind it. With it `tofu validate` and `tofu test` with `mock_provider`
// check modules where the real plugin cannot be had. It makes nothing: it has no credentials and opens no connection.
//
//	schema-provider NAME SCHEMA.json
//
// SCHEMA.json has a schema as `tofu providers schema -json` prints it, of one provider.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attribute struct {
	Type     json.RawMessage `json:"type"`
	Required bool            `json:"required"`
	Optional bool            `json:"optional"`
	Computed bool            `json:"computed"`
}

type nested struct {
	Mode  string `json:"nesting_mode"`
	Block block  `json:"block"`
	Min   int64  `json:"min_items"`
	Max   int64  `json:"max_items"`
}

type block struct {
	Attributes map[string]attribute `json:"attributes"`
	Blocks     map[string]nested    `json:"block_types"`
}

type schema struct {
	Block block `json:"block"`
}

type providerSchema struct {
	Provider    schema            `json:"provider"`
	Resources   map[string]schema `json:"resource_schemas"`
	DataSources map[string]schema `json:"data_source_schemas"`
}

var nestingModes = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
}

func (b block) proto() (*tfprotov6.SchemaBlock, error) {
	out := &tfprotov6.SchemaBlock{}
	for name, a := range b.Attributes {
		//lint:ignore SA1019 the JSON form of a type has no other reader.
		kind, err := tftypes.ParseJSONType(a.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: kind, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
		})
	}
	for name, n := range b.Blocks {
		mode, known := nestingModes[n.Mode]
		if !known {
			return nil, fmt.Errorf("%s: unknown nesting mode %q", name, n.Mode)
		}
		inner, err := n.Block.proto()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: inner, Nesting: mode, MinItems: n.Min, MaxItems: n.Max,
		})
	}
	return out, nil
}

func protos(all map[string]schema) (map[string]*tfprotov6.Schema, error) {
	out := map[string]*tfprotov6.Schema{}
	for name, s := range all {
		inner, err := s.Block.proto()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = &tfprotov6.Schema{Block: inner}
	}
	return out, nil
}

// server answers what `validate` and mocked tests ask. What it does not define would need a cloud; the embedded nil interface ends the plugin there.
type server struct {
	tfprotov6.ProviderServer
	answer *tfprotov6.GetProviderSchemaResponse
}

func load(file string) (*server, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var read providerSchema
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	provider, err := read.Provider.Block.proto()
	if err != nil {
		return nil, err
	}
	resources, err := protos(read.Resources)
	if err != nil {
		return nil, err
	}
	sources, err := protos(read.DataSources)
	if err != nil {
		return nil, err
	}
	return &server{answer: &tfprotov6.GetProviderSchemaResponse{
		Provider: &tfprotov6.Schema{Block: provider}, ResourceSchemas: resources, DataSourceSchemas: sources,
	}}, nil
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	out := &tfprotov6.GetMetadataResponse{}
	for name := range s.answer.ResourceSchemas {
		out.Resources = append(out.Resources, tfprotov6.ResourceMetadata{TypeName: name})
	}
	for name := range s.answer.DataSourceSchemas {
		out.DataSources = append(out.DataSources, tfprotov6.DataSourceMetadata{TypeName: name})
	}
	return out, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return s.answer, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, r *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (s *server) ValidateResourceConfig(_ context.Context, r *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	found, err := computed(r.Config, s.answer.ResourceSchemas[r.TypeName])
	return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: found}, err
}

func (s *server) ValidateDataResourceConfig(_ context.Context, r *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	found, err := computed(r.Config, s.answer.DataSourceSchemas[r.TypeName])
	return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: found}, err
}

// UpgradeResourceState returns the state that a run of a test before this one left: there is one version of it.
func (s *server) UpgradeResourceState(_ context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	kind := s.answer.ResourceSchemas[r.TypeName].ValueType()
	value, err := r.RawState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov6.NewDynamicValue(kind, value)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &state}, err
}

// computed reports values that a configuration gives for attributes which only the cloud sets: plugins check that, not tofu.
func computed(config *tfprotov6.DynamicValue, of *tfprotov6.Schema) ([]*tfprotov6.Diagnostic, error) {
	value, err := config.Unmarshal(of.ValueType())
	if err != nil {
		return nil, err
	}
	return computedIn(value, of.Block, tftypes.NewAttributePath())
}

func computedIn(value tftypes.Value, of *tfprotov6.SchemaBlock, at *tftypes.AttributePath) ([]*tfprotov6.Diagnostic, error) {
	var found []*tfprotov6.Diagnostic
	if value.IsNull() || !value.IsKnown() {
		return nil, nil
	}
	var parts map[string]tftypes.Value
	if err := value.As(&parts); err != nil {
		return nil, err
	}
	for _, a := range of.Attributes {
		if a.Computed && !a.Optional && !parts[a.Name].IsNull() {
			found = append(found, &tfprotov6.Diagnostic{
				Severity: tfprotov6.DiagnosticSeverityError, Summary: "Value for unconfigurable attribute",
				Detail: a.Name + " is set by the cloud.", Attribute: at.WithAttributeName(a.Name),
			})
		}
	}
	for _, b := range of.BlockTypes {
		blocks, err := blocksOf(parts[b.TypeName], b.Nesting)
		if err != nil {
			return nil, err
		}
		for _, inner := range blocks {
			more, err := computedIn(inner, b.Block, at.WithAttributeName(b.TypeName))
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

func blocksOf(value tftypes.Value, nesting tfprotov6.SchemaNestedBlockNestingMode) ([]tftypes.Value, error) {
	if value.IsNull() || !value.IsKnown() {
		return nil, nil
	}
	if nesting == tfprotov6.SchemaNestedBlockNestingModeSingle {
		return []tftypes.Value{value}, nil
	}
	var blocks []tftypes.Value
	err := value.As(&blocks)
	return blocks, err
}

func (s *server) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: schema-provider NAME SCHEMA.json; tofu starts it")
		os.Exit(2)
	}
	s, err := load(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := tf6server.Serve(os.Args[1], func() tfprotov6.ProviderServer { return s }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
